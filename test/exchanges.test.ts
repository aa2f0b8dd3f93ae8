import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { App } from "../lib/app.ts";
import { loadRuntime } from "../lib/runtime/load.ts";
import type { Listener } from "../lib/runtime/runtime.ts";
import exchanges from "./fixtures/drf/exchanges.json" with { type: "json" };
import type { Recording } from "./support/recording.ts";
import { createFixtureApp, replay } from "./support/replay.ts";

describe("every exchange recorded from Django has the same answer or a listed deviation", () => {
  // The type of a JSON import is a union of all its elements. The README of the fixtures describes the shape.
  const { results } = exchanges as unknown as Recording;
  const tally = new Map<string, number>();
  let app: App;
  let listener: Listener;

  before(async () => {
    const options = { hostname: "127.0.0.1", port: 0, idleTimeoutSeconds: 30 };
    listener = (await loadRuntime()).listen((request, peer) => app(request, peer), options);
  });
  after(async () => {
    await listener.stop();
    const counts = [...tally].sort().map(([kind, count]) => `${count} ${kind}`);
    process.stdout.write(`${Object.keys(results).length} exchanges replayed: ${counts.join(", ")}\n`);
  });

  for (const [name, recorded] of Object.entries(results)) {
    test(name, async () => {
      const fixture = await createFixtureApp();
      app = fixture.app;
      const { deviations, wrong } = await replay(recorded, fixture, listener.port);
      await fixture.close();
      const kind =
        wrong.length > 0
          ? "wrong"
          : deviations.size === 0
            ? "the same"
            : `by deviation ${[...deviations].sort().join("+")}`;
      tally.set(kind, (tally.get(kind) ?? 0) + 1);
      assert.deepEqual(wrong, []);
    });
  }
});
