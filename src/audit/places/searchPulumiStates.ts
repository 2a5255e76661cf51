import { oncePerAudit } from "../oncePerAudit.ts";
import { valueSearchOf } from "../search/valueSearchOf.ts";
import { pulumiStates } from "./pulumiStates.ts";
import { type Searched, searchPlaces } from "./searchPlaces.ts";

/** Every state of the stack that Pulumi has kept, and why another one cannot be seen. */
export const searchPulumiStates = oncePerAudit(
  async (subject): Promise<Searched & { readonly unseen: string | undefined }> => {
    const [{ places, unseen }, search] = await Promise.all([pulumiStates(subject), valueSearchOf(subject)]);
    return { ...(await searchPlaces(places, search)), unseen };
  },
);
