import { type Kysely, PostgresAdapter, type RawBuilder, sql } from "kysely";

type Executing = Pick<Kysely<unknown>, "getExecutor">;

const isPostgres = (db: Executing) => db.getExecutor().adapter instanceof PostgresAdapter;

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`create index users_password_cost on users (${passwordCost(db)})`.execute(db);
  for (const statement of isPostgres(db) ? await postgresTriggers(db) : SQLITE_TRIGGERS) {
    await sql.raw(statement).execute(db);
  }
}

/**
 * What of `users.password` says how much its check costs: the algorithm and its parameters, without salt and hash. Null
 * if no algorithm is recognized. A query that uses the index must hold this very expression.
 *
 * Lengths are bounded, since an entry of a Postgres index has at most 2704 bytes, and no password may be too long for it.
 */
export function passwordCost(db: Executing): RawBuilder<string | null> {
  const cost = `(substr(case
    when substr(password, 1, 7) = 'argon2$' then ${upToNumber(`${position(db)}(password, ',p=') + 3`)}
    when substr(password, 1, 9) = 'bcrypt$$2' then substr(password, 1, 13)
    when substr(password, 1, 16) = 'bcrypt_sha256$$2' then substr(password, 1, 20)
    when substr(password, 1, 12) = 'pbkdf2_sha1$' then ${upToNumber("13")}
    when substr(password, 1, 14) = 'pbkdf2_sha256$' then ${upToNumber("15")}
    when substr(password, 1, 7) = 'scrypt$' and length(rtrim(password, '=')) >= 100 then ${upToNumber("8")} || ${SCRYPT_BLOCKS}
  end, 1, 60))`;
  // Byte by byte, whatever the collation of the database is.
  return sql.raw(isPostgres(db) ? `(${cost} collate "C")` : cost);
}

const position = (db: Executing) => (isPostgres(db) ? "strpos" : "instr");

/** The password up to the end of the number that begins at a place. */
function upToNumber(place: string): string {
  return `substr(password, 1, length(password) - length(ltrim(substr(password, ${place}), '0123456789')))`;
}

/** `scrypt$N$salt$r$p`: a hash has 86 characters in base64 and up to two more to pad it. */
const SCRYPT_HEAD = "substr(rtrim(password, '='), 1, length(rtrim(password, '=')) - 87)";
/** `$r$p`, from what is left of the head without its last two numbers: the salt lies between. */
const SCRYPT_BLOCKS = `substr(${SCRYPT_HEAD}, length(${withoutNumber(`rtrim(${withoutNumber(SCRYPT_HEAD)}, '$')`)}))`;

function withoutNumber(text: string): string {
  return `rtrim(${text}, '0123456789')`;
}

// A link that lets its owner make the first user must not come back to life when the last user is deleted. So whatever
// makes or deletes users, an import too, uses every link up.

const SQLITE_TRIGGERS = ["insert", "delete"].map(
  (event) => `create trigger users_${event}_setup before ${event} on users
   begin delete from setup_tokens; end`,
);

async function postgresTriggers(db: Kysely<unknown>): Promise<string[]> {
  const { rows } = await sql<{ version: string }>`select version()`.execute(db);
  const isCockroach = rows[0]?.version.includes("CockroachDB");
  const create = `create function postern_use_up_setup_tokens() returns trigger language plpgsql as $$
     begin
       delete from setup_tokens;
       if tg_op = 'DELETE' then return old; end if;
       return new;
     end $$`;
  const trigger = (event: string, unit: "row" | "statement") =>
    `create trigger users_${event}_setup before ${event} on users
     for each ${unit} execute function postern_use_up_setup_tokens()`;
  // CockroachDB has no triggers of statements: https://github.com/cockroachdb/cockroach/issues/126362
  if (isCockroach) return [create, trigger("insert", "row"), trigger("delete", "row")];
  return [create, ...["insert", "delete", "truncate"].map((event) => trigger(event, "statement"))];
}
