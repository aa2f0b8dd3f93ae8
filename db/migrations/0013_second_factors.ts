import { type Kysely, sql } from "kysely";

/** Second factors, logins that wait for one, and when and how the user of a session was last proved to be present. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .alterTable("users")
    .addColumn("has_second_factor", "integer", (column) => column.notNull().defaultTo(0))
    .execute();
  // 0: a session that an older version creates during the upgrade counts as proved long ago.
  await db.schema
    .alterTable("sessions")
    .addColumn("proved_at", "bigint", (column) => column.notNull().defaultTo(0))
    .execute();
  await sql`update sessions set proved_at = created_at`.execute(db);
  await db.schema
    .alterTable("sessions")
    .addColumn("amr", "text", (column) => column.notNull().defaultTo("pwd"))
    .execute();
  await db.schema
    .alterTable("devices")
    .addColumn("trusted_until", "bigint", (column) => column.notNull().defaultTo(0))
    .execute();
  await createPendingLogins(db);
  await db.schema
    .createTable("totp_factors")
    .addColumn("user_id", "integer", (column) => column.primaryKey().references("users.id").onDelete("cascade"))
    .addColumn("secret", "text", (column) => column.notNull())
    .addColumn("last_step", "bigint", (column) => column.notNull())
    .addColumn("created_at", "bigint", (column) => column.notNull())
    .addColumn("last_used_at", "bigint")
    .execute();
  await db.schema
    .createTable("recovery_codes")
    .addColumn("id", "text", (column) => column.primaryKey())
    .addColumn("user_id", "integer", (column) => column.notNull().references("users.id").onDelete("cascade"))
    .addColumn("created_at", "bigint", (column) => column.notNull())
    .execute();
  await db.schema.createIndex("recovery_codes_user_id").on("recovery_codes").column("user_id").execute();
  await createPasskeys(db);
}

async function createPendingLogins(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("pending_logins")
    .addColumn("id", "text", (column) => column.primaryKey())
    .addColumn("user_id", "integer", (column) => column.notNull().references("users.id").onDelete("cascade"))
    .addColumn("password_hash", "text", (column) => column.notNull())
    .addColumn("attempts", "integer", (column) => column.notNull())
    .addColumn("device", "text", (column) => column.notNull())
    .addColumn("created_at", "bigint", (column) => column.notNull())
    .addColumn("expires_at", "bigint", (column) => column.notNull())
    .execute();
  await db.schema.createIndex("pending_logins_user_id").on("pending_logins").column("user_id").execute();
  await db.schema.createIndex("pending_logins_expires_at").on("pending_logins").column("expires_at").execute();
}

async function createPasskeys(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("passkeys")
    .addColumn("id", "text", (column) => column.primaryKey())
    .addColumn("user_id", "integer", (column) => column.notNull().references("users.id").onDelete("cascade"))
    .addColumn("user_handle", "text", (column) => column.notNull())
    .addColumn("public_key", "text", (column) => column.notNull())
    .addColumn("sign_count", "bigint", (column) => column.notNull())
    .addColumn("transports", "text", (column) => column.notNull())
    .addColumn("is_backup_eligible", "integer", (column) => column.notNull())
    .addColumn("is_backed_up", "integer", (column) => column.notNull())
    .addColumn("name", "text", (column) => column.notNull())
    .addColumn("created_at", "bigint", (column) => column.notNull())
    .addColumn("last_used_at", "bigint")
    .execute();
  await db.schema.createIndex("passkeys_user_id").on("passkeys").column("user_id").execute();
}
