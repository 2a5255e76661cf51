import { oncePerAudit } from "../oncePerAudit.ts";
import { ValueSearch } from "./ValueSearch.ts";

/** For every live value of the stack. */
export const valueSearchOf = oncePerAudit(async (subject) => new ValueSearch((await subject.secrets()).known));
