/** A git of the stack's own repositories could not be run, or failed at what it is not expected to fail at. */
export class GitError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "GitError";
  }
}
