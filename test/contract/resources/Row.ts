import type fc from "fast-check";
import type { Context } from "../../../src/resources/Resource.ts";
import type { System } from "./System.ts";

/** How the states of one type are made. */
export interface Row<At extends System = System> {
  readonly type: string;
  /** Makes the system that it is tried in: one for all rows that name the same function. */
  readonly system: (tools: Readonly<Record<string, string>>) => Promise<At>;
  /** What a program may say about it, before parsing. Any two have the same identity, unless they say otherwise. */
  readonly inputs: (system: At) => fc.Arbitrary<object>;
  /** What it needs there; each time before the state is made. */
  readonly prepare?: (given: object, system: At) => Promise<void>;
  /** What somebody else may do to one that was made from these inputs. */
  readonly tampers?: Readonly<Record<string, (given: never, system: At) => Promise<void>>>;
  /** Takes away what an earlier state left; by default, it is removed. */
  readonly reset?: (ctx: Context, system: At) => Promise<void>;
  /** Why it is found without having been made, so that there is no state without it. */
  readonly alwaysThere?: string;
  /** Why a stack never takes it for a dropped one. */
  readonly neverOwned?: string;
  /** Why it can still be read, or not be read at all, after its removal. */
  readonly afterRemoval?: string;
  /** How many random states are tried, after one of each kind. */
  readonly random: number;
}

/** Lets rows of several systems stand in one table. */
export function row<At extends System>(of: Row<At>): Row {
  return of as unknown as Row;
}
