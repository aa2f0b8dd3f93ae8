/** Here at once, or later: what is here is not waited for, since a promise alone costs a good part of a fast answer. */
export type Soon<T> = T | Promise<T>;

/** Goes on with a value as soon as it is here. */
export function andThen<T, R>(value: Soon<T>, next: (value: T) => Soon<R>): Soon<R> {
  return value instanceof Promise ? value.then(next) : next(value);
}
