/** The real argon2 at the lowest cost that it allows. */
export const QUICK_ARGON2 = { memoryCost: 8, timeCost: 1, parallelism: 1 };
