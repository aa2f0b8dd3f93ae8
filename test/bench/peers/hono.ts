import { Hono } from "hono";
import { getConnInfo } from "hono/bun";
import { createPostern, type Identity } from "../../../lib/embed/postern.ts";

// `bun hono.ts PORT`: a Hono application that answers `/me` with a constant. `bun hono.ts PORT DATABASE_URL SECRET_KEY`:
// with Postern in it as in lib/embed/README.md, and `/me` is the user who is logged in.

const [port, databaseUrl, secretKey] = process.argv.slice(2);

const app = new Hono<{ Variables: { user: Pick<Identity, "username"> | null } }>();

if (databaseUrl === undefined) {
  app.use(async (context, next) => {
    context.set("user", { username: "alice" });
    await next();
  });
} else {
  const postern = await createPostern({ databaseUrl, secretKey });
  app.use(async (context, next) => {
    const peer = getConnInfo(context).remote;
    const answer = await postern.fetch(context.req.raw, { address: peer.address ?? "" });
    if (answer) return answer;
    context.set("user", await postern.user(context.req.raw, { address: peer.address ?? "" }));
    return next();
  });
}

app.get("/me", (context) => {
  const user = context.get("user");
  return user ? context.json({ username: user.username }) : context.json({}, 401);
});

Bun.serve({ hostname: "127.0.0.1", port: Number(port), development: false, fetch: app.fetch });
