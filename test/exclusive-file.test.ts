import assert from "node:assert/strict";
import { closeSync, fstatSync } from "node:fs";
import { chown, lstat, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { createExclusive, giveToFolderOwner } from "../db/exclusive-file.ts";

const NOBODY = 65534;
const isRoot = process.getuid?.() === 0;

async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "postern-"));
  await work(folder).finally(() => rm(folder, { recursive: true }));
}

describe("an exclusively created file", () => {
  test("can be read by its owner alone", () =>
    inFolder(async (folder) => {
      const descriptor = createExclusive(join(folder, "new"));
      assert.equal(fstatSync(descriptor).mode & 0o777, 0o600);
      closeSync(descriptor);
    }));

  for (const [what, target] of [
    ["a link to a file", "victim"],
    ["a link that leads nowhere", "nowhere"],
    ["a file", null],
  ] as const) {
    test(`is not created if ${what} has its name, and no file changes`, () =>
      inFolder(async (folder) => {
        await writeFile(join(folder, "victim"), "kept");
        const path = join(folder, "new");
        await (target === null ? writeFile(path, "") : symlink(join(folder, target), path));
        assert.throws(() => createExclusive(path), { code: "EEXIST" });
        assert.equal(await readFile(join(folder, "victim"), "utf8"), "kept");
        assert.deepEqual((await readdir(folder)).sort(), ["new", "victim"]);
      }));
  }

  const skip = isRoot ? false : "only root can give a file away";
  test("belongs to the owner of the folder if root creates it", { skip }, () =>
    inFolder(async (folder) => {
      await chown(folder, NOBODY, NOBODY);
      const descriptor = createExclusive(join(folder, "new"));
      giveToFolderOwner(descriptor, folder);
      closeSync(descriptor);
      const { uid, gid, mode } = await lstat(join(folder, "new"));
      assert.deepEqual({ uid, gid, mode: mode & 0o777 }, { uid: NOBODY, gid: NOBODY, mode: 0o600 });
    }),
  );
});
