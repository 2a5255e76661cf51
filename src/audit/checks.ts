import type { Check } from "./Check.ts";
import { serviceAccountTokens } from "./checks/serviceAccountTokens.ts";

/** Every check of `dayzero audit`, in the order in which equal verdicts are told. */
export const checks: readonly Check[] = [serviceAccountTokens];
