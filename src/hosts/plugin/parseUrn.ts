import { DayzeroError } from "../../config/DayzeroError.ts";

export interface Urn {
  readonly stack: string;
  readonly project: string;
  /** Type token of the resource itself. */
  readonly type: string;
}

/** `urn:pulumi:<stack>::<project>::<types of its parents>$<type>::<name>`; the name may be anything. */
const URN = /^urn:pulumi:((?!\.{1,2}:)[\w.-]+)::([\w.-]+)::(?:[^:$]+:[^:$]*:[^:$]+\$)*([^:$]+:[^:$]*:[^:$]+)::.+$/su;

/** Throws URN_INVALID: a stack's name becomes that of a folder. */
export function parseUrn(urn: string): Urn {
  const [, stack, project, type] = URN.exec(urn) ?? [];
  if (stack !== undefined && project !== undefined && type !== undefined) return { stack, project, type };
  throw new DayzeroError("URN_INVALID", `${JSON.stringify(urn.slice(0, 200))} is not the URN of a resource`, {
    hint: "dayzero's provider answers Pulumi's engine: run `pulumi up`",
  });
}
