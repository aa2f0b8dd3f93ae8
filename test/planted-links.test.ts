import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { chmod, chown, copyFile, lstat, mkdtemp, readdir, readFile, realpath, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { createSandbox, FROM_SOURCE, ROOT, type Sandbox, start } from "./support/process.ts";

// Root runs commands on the database of a service. The user of the service owns the folder and plants links in it.

const skip = process.getuid?.() === 0 ? false : "only root can run the commands of two users";
const PROCESSES = { timeout: 120_000, skip };

/** `nobody`: the user of the service. */
const SERVICE = 65534;
const AS_SERVICE = { uid: SERVICE };

let template: Promise<Sandbox> | undefined;

after(async () => (await template)?.[Symbol.asyncDispose]());

/** A sandbox in which the service created the user alice. */
async function createTemplate(): Promise<Sandbox> {
  const sandbox = await createSandbox();
  await chown(sandbox.folder, SERVICE, SERVICE);
  await addUser(sandbox, "alice", AS_SERVICE);
  return sandbox;
}

/** A sandbox of the service with the user alice, and a database of root that the service cannot read. */
async function createService(): Promise<Sandbox & { victim: string; fingerprint: () => Promise<string[]> }> {
  const sandbox = await createSandbox();
  await chown(sandbox.folder, SERVICE, SERVICE);
  template ??= createTemplate();
  const { folder } = await template;
  for (const name of await readdir(folder)) {
    const path = join(sandbox.folder, name);
    await copyFile(join(folder, name), path);
    await chmod(path, 0o600);
    await chown(path, SERVICE, SERVICE);
  }
  const treasury = await mkdtemp(join(await realpath(tmpdir()), "postern-root-"));
  await chmod(treasury, 0o755);
  const victim = join(treasury, "root.db");
  await copyFile(join(sandbox.folder, "postern.db"), victim);
  await chmod(victim, 0o600);
  return {
    ...sandbox,
    victim,
    fingerprint: async () => {
      const { uid, gid, mode, ino } = await lstat(victim);
      const hash = createHash("sha256")
        .update(await readFile(victim))
        .digest("hex");
      return [...(await readdir(treasury)), hash, `${uid} ${gid} ${mode} ${ino}`];
    },
    [Symbol.asyncDispose]: async () => {
      await sandbox[Symbol.asyncDispose]();
      await rm(treasury, { recursive: true });
    },
  };
}

/** Runs as the user of the service. */
async function plant(target: string, link: string): Promise<void> {
  assert.equal((await start(["ln", "-s", target, link], "/", AS_SERVICE).ended).code, 0);
}

async function addUser(sandbox: Sandbox, name: string, options = {}): Promise<void> {
  const result = await sandbox.run(["createuser", name, "--password-stdin"], { input: "right horse", ...options });
  assert.equal(result.code, 0, result.stderr);
}

async function assertServed(sandbox: Sandbox, users: string[]): Promise<void> {
  const { uid, gid, mode } = await lstat(join(sandbox.folder, "postern.db"));
  assert.deepEqual({ uid, gid, mode: mode & 0o777 }, { uid: SERVICE, gid: SERVICE, mode: 0o600 });
  const listed: { username: string }[] = JSON.parse((await sandbox.run(["users", "--json"], AS_SERVICE)).stdout);
  assert.deepEqual(
    listed.map(({ username }) => username),
    users,
  );
}

describe("root's commands in the folder of the service", () => {
  test("leave every file to the user of the service", PROCESSES, async () => {
    await using service = await createService();
    assert.equal((await service.run(["backup", "backup.db"])).code, 0);
    await addUser(service, "bob");
    await assertServed(service, ["alice", "bob"]);
    assert.equal((await service.run(["restore", "backup.db", "--yes"])).code, 0);
    await assertServed(service, ["alice"]);
  });

  test("create a database that the user of the service can open", PROCESSES, async () => {
    await using service = await createService();
    await rm(join(service.folder, "postern.db"));
    await addUser(service, "bob");
    await assertServed(service, ["bob"]);
    assert.equal((await service.run(["backup", "backup.db"])).code, 0);
    await rm(join(service.folder, "postern.db"));
    assert.equal((await service.run(["restore", "backup.db", "--yes"])).code, 0);
    await assertServed(service, ["bob"]);
  });

  test("write to the database that a link of root leads to, and keep the link", PROCESSES, async () => {
    await using service = await createService();
    await symlink(service.victim, join(service.folder, "linked.db"));
    const environment = { DATABASE_URL: "sqlite:linked.db" };
    await addUser(service, "bob", { environment });
    assert.equal((await service.run(["backup", "backup.db"], { environment })).code, 0);
    assert.equal((await service.run(["restore", "backup.db", "--yes"], { environment })).code, 0);
    const listed = await service.run(["users", "--json"], { environment });
    assert.match(listed.stdout, /"bob"/);
    assert((await lstat(join(service.folder, "linked.db"))).isSymbolicLink());
  });
});

describe("no command of root follows a planted link to a file of root:", () => {
  for (const [what, name, args] of [
    ["the copy that is to be restored", "postern.db.restoring", ["restore", "backup.db", "--yes"]],
    ["its log", "postern.db.restoring-wal", ["restore", "backup.db", "--yes"]],
    ["an unfinished backup", "new.db.unfinished", ["backup", "new.db"]],
    ["the backup", "new.db", ["backup", "new.db"]],
    ["the log of the database", "postern.db-wal", ["users"]],
  ] as const) {
    test(what, PROCESSES, async () => {
      await using service = await createService();
      assert.equal((await service.run(["backup", "backup.db"])).code, 0);
      const before = await service.fingerprint();
      await plant(service.victim, join(service.folder, name));
      await service.run([...args]);
      assert.deepEqual(await service.fingerprint(), before);
    });
  }

  for (const [what, target] of [
    ["the database itself", "root.db"],
    ["a database that is missing", "new.db"],
  ] as const) {
    test(what, PROCESSES, async () => {
      await using service = await createService();
      assert.equal((await service.run(["backup", "backup.db"])).code, 0);
      const before = await service.fingerprint();
      await rm(join(service.folder, "postern.db"));
      await plant(join(service.victim, "..", target), join(service.folder, "postern.db"));
      for (const args of [
        ["createuser", "eve", "--password-stdin"],
        ["restore", "backup.db", "--yes"],
        ["backup", "b.db"],
        ["serve"],
      ]) {
        const { code, stderr } = await service.run(args, { input: "right horse" });
        assert.equal(code, 1, args.join(" "));
        assert.match(
          stderr,
          /^[^\n]*(postern\.db is a link of another user|There is no database at)[^\n]*\n$/,
          args.join(" "),
        );
      }
      assert.deepEqual(await service.fingerprint(), before);
    });
  }
});

describe("no command of root follows a link that a process exchanges for a file while the command runs:", () => {
  for (const [what, how, names] of [
    ["all that root creates", "take", ["postern.db", "postern.db-wal", "postern.db-shm", "backup.db"]],
    ["the database", "flip", ["postern.db"]],
    ["the log of the database", "flip", ["postern.db-wal", "postern.db-shm"]],
  ] as const) {
    test(what, PROCESSES, async () => {
      await using service = await createService();
      assert.equal((await service.run(["backup", "backup.db"])).code, 0);
      const before = await service.fingerprint();
      const planter = [...FROM_SOURCE.slice(0, -1), join(ROOT, "test/support/link-planter.ts")];
      const { child } = start([...planter, service.folder, service.victim, how, ...names], service.folder, AS_SERVICE);
      await once(child.stdout, "data");
      for (let times = 0; times < 4; times++) {
        await service.run(["restore", "backup.db", "--yes"]);
        await service.run(["backup", `new-${times}.db`]);
        await service.run(["createuser", `eve${times}`, "--password-stdin"], { input: "right horse" });
      }
      child.kill("SIGKILL");
      await once(child, "close");
      assert.deepEqual(await service.fingerprint(), before);
    });
  }
});
