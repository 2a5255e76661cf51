import type struct from "google-protobuf/google/protobuf/struct_pb.js";
import { DayzeroError } from "../../config/DayzeroError.ts";
import type { Wire } from "./ResourceProvider.ts";

type Struct = InstanceType<typeof struct.Struct>;
type Value = InstanceType<typeof struct.Value>;

const MAX_DEPTH = 100;

/** Properties of a message as plain JSON. Throws PROPERTIES_TOO_DEEP. */
export function wireOf(message: Struct | undefined): Wire {
  if (message === undefined) return {};
  assertFlat(message, 1);
  return message.toJavaScript();
}

function assertFlat(message: Struct, depth: number): void {
  for (const [, value] of message.getFieldsMap().entries() as Iterable<[string, Value]>) assertFlatValue(value, depth);
}

function assertFlatValue(value: Value, depth: number): void {
  if (depth > MAX_DEPTH)
    throw new DayzeroError("PROPERTIES_TOO_DEEP", `its properties are nested deeper than ${MAX_DEPTH} levels`, {
      hint: "see what the program passes to it, and make that flat",
    });
  if (value.hasStructValue()) assertFlat(value.getStructValue() as Struct, depth + 1);
  for (const item of value.getListValue()?.getValuesList() ?? []) assertFlatValue(item, depth + 1);
}
