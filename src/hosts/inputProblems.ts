import { DayzeroError } from "../config/DayzeroError.ts";
import { propertyPath } from "./propertyPath.ts";

interface Issue {
  readonly code?: string | undefined;
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

export interface InputProblem {
  /** "" for the inputs as a whole. */
  readonly path: string;
  readonly reason: string;
  /** There is no such property: what it holds may be anything. */
  readonly misspelt: boolean;
}

/** Problems of a schema by the property that each is about; a key that is not known is said at the key itself. */
export function inputProblems(issues: readonly Issue[]): InputProblem[] {
  return issues.flatMap((issue): InputProblem[] => {
    const { keys } = issue as { keys?: readonly string[] };
    if (issue.code !== "unrecognized_keys" || keys === undefined) {
      return [{ path: propertyPath(issue.path), reason: issue.message, misspelt: false }];
    }
    const reason = "there is no such property";
    return keys.map((key) => ({ path: propertyPath([...issue.path, key]), reason, misspelt: true }));
  });
}

export function invalidInputs(issues: readonly Issue[]): DayzeroError {
  const problems = inputProblems(issues).map(({ path, reason }) => `${path || "inputs"}: ${reason}`);
  return new DayzeroError("INPUTS_INVALID", `its inputs are not valid: ${problems.join("; ")}`, {
    hint: "correct them in the program",
  });
}
