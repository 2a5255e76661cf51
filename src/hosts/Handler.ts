import type { Context, Resource } from "../resources/Resource.ts";

/** A resource implementation as the host drives it: the contract, for types of other packages too. */
export interface Handler<Inputs = unknown, Live extends object = object> extends Omit<Resource<Inputs, Live>, "type"> {
  readonly type: string;
  /** Called once after the program succeeded, with every identity that it registered, before anything dropped is removed. */
  settle?(registered: ReadonlySet<string>, ctx: Context): Promise<void>;
  /** The inputs of a protected resource; for types whose objects can carry the mark themselves. */
  protected?(desired: Inputs): Inputs;
  /** Whether what is live carries that mark. */
  isProtected?(id: string, ctx: Context): Promise<boolean>;
}

/** An implementation whose inputs and live state the host passes through without looking at them. */
// biome-ignore lint/suspicious/noExplicitAny: the one place where the contract's type parameters are forgotten
export type AnyHandler = Handler<any, any>;
