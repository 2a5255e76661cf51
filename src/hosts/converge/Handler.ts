import type { Context, Resource } from "../../resources/Resource.ts";

/** A resource implementation as the host drives it: the contract, for types of other packages too. */
export interface Handler<Inputs = unknown, Live extends object = object> extends Omit<Resource<Inputs, Live>, "type"> {
  readonly type: string;
  /** What a program gets of what is live; by default all of it. */
  outputs?(live: Live): object;
  /** Called once after the program succeeded, with every identity that it registered, before anything dropped is removed. */
  settle?(registered: ReadonlySet<string>): Promise<void>;
  /** Whether what is live is marked as protected; for types whose objects can carry the mark themselves. */
  isProtected?(id: string, ctx: Context): Promise<boolean>;
}

/** An implementation whose inputs and live state the host passes through without looking at them. */
// biome-ignore lint/suspicious/noExplicitAny: the one place where the contract's type parameters are forgotten
export type AnyHandler = Handler<any, any>;
