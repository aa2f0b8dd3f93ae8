// Better Auth on Bun and its SQLite, as its documentation sets it up. The bench copies this file beside an installed
// better-auth, and runs it there: `bun server.js PORT DATABASE_FILE COOKIE_CACHE_SECONDS`, or with a NEW_USER as JSON
// behind these, to make the tables and that user.

import { Database } from "bun:sqlite";
import { betterAuth } from "better-auth";
import { getMigrations } from "better-auth/db/migration";

const [port, file, cookieCacheSeconds, newUser] = process.argv.slice(2);

const database = new Database(file);
database.run("pragma journal_mode = wal"); // Like Postern. Without it, logins would block reads.

const options = {
  database,
  baseURL: `http://127.0.0.1:${port}`,
  secret: "a-secret-for-the-benchmark-only",
  emailAndPassword: { enabled: true },
  session: { cookieCache: { enabled: cookieCacheSeconds !== "0", maxAge: Number(cookieCacheSeconds) } },
  rateLimit: { enabled: false },
  telemetry: { enabled: false },
};
const auth = betterAuth(options);

if (newUser === undefined) {
  Bun.serve({ hostname: "127.0.0.1", port: Number(port), development: false, fetch: auth.handler });
} else {
  await (await getMigrations(options)).runMigrations();
  const { name, email, password } = JSON.parse(newUser);
  await auth.api.signUpEmail({ body: { name, email, password } });
}
