/** How long a chain of causes is followed: one may lead back to itself. */
const DEPTH = 8;

/** An error and what it comes from, outermost first; nothing for what is no error. */
export function* causesOf(error: unknown): Generator<Error> {
  for (let cause = error, depth = 0; cause instanceof Error && depth < DEPTH; cause = cause.cause, depth++) {
    yield cause;
  }
}
