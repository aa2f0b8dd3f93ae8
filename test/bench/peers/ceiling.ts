import { hash, verify } from "@node-rs/argon2";
import { answerAsked } from "./ask.ts";

// `bun ceiling.ts PORT`: the limit of this machine. A profile is one constant answer of Bun; a login is one
// password verified by @node-rs/argon2 with Postern's parameters, and nothing else.

const PROFILE = { username: "alice", email: "alice@example.com", first_name: "", last_name: "" };

const encoded = await hash("right horse", { memoryCost: 19 * 1024, timeCost: 2, parallelism: 1 });

answerAsked({
  profile: () => Response.json(PROFILE),
  login: (password) => verify(encoded, password),
});
