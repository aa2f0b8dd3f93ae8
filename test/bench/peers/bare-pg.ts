import pg from "pg";
import { answerAsked } from "./ask.ts";

// `bun bare-pg.ts PORT DATABASE_URL POOL_SIZE`: the row that a profile needs, by one prepared statement of the driver,
// from a database that Postern has created. No query builder, no checks, no log.

const [, connectionString = "", poolSize = "10"] = process.argv.slice(2);

const pool = new pg.Pool({ connectionString, max: Number(poolSize) });

const { rows } = await pool.query("select id from sessions limit 1");
const values = [rows[0].id];

const text = `
  select users.id, username, email, first_name, last_name, is_active, is_staff, is_superuser, date_joined, last_login,
    sessions.id as session_id, user_id, created_at, last_seen_at, expires_at, ip, user_agent
  from sessions join users on users.id = sessions.user_id where sessions.id = $1`;

answerAsked({
  profile: async () => {
    const { username, email, first_name, last_name } = (await pool.query({ name: "profile", text, values })).rows[0];
    return Response.json({ username, email, first_name, last_name });
  },
  login: null,
});
