/** Epoch milliseconds. */
export type Instant = number;

/** 0 or 1. */
export type Flag = number;
