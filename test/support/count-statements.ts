import type { KyselyPlugin } from "kysely";
import type { Services } from "../../lib/services.ts";

/** Counts the statements of every later request, transactions included, begin and commit left out. @returns reads the count */
export function countStatements(services: Services): () => number {
  let count = 0;
  const plugin: KyselyPlugin = {
    transformQuery: ({ node }) => node,
    transformResult: async ({ result }) => {
      count++;
      return result;
    },
  };
  services.db = services.db.withPlugin(plugin);
  return () => count;
}
