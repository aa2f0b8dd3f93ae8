/** A value, or the promise of one. A fast answer is not awaited: a promise alone costs a good part of its time. */
export type MaybePromise<T> = T | Promise<T>;

/** Goes on with a value, at once if it is no promise. */
export function andThen<T, R>(value: MaybePromise<T>, next: (value: T) => MaybePromise<R>): MaybePromise<R> {
  return value instanceof Promise ? value.then(next) : next(value);
}
