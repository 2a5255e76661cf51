import type { Check } from "../Check.ts";
import { Evidence } from "../Evidence.ts";
import { searchClusterObjects } from "../places/searchClusterObjects.ts";
import type { Searched } from "../places/searchPlaces.ts";
import { searchRepositories } from "../places/searchRepositories.ts";
import { searchStateFiles } from "../places/stateFiles.ts";
import { tellSearch } from "../places/tellSearch.ts";
import { searchTemporaryFiles } from "../places/temporaryFiles.ts";
import type { Subject } from "../Subject.ts";
import { sealMaterial as sealMaterialOf } from "../secrets/sealMaterial.ts";

/**
 * Who has this has everything, so it is looked for everywhere. Its values are known by opening the sealed shares in memory; those that
 * only identities elsewhere open cannot be told from other random text, and nothing is proved of them. Pulumi's states, programs, logs
 * and processes are looked through for these values as for all others, by checks of their own.
 */
export const sealMaterial: Check = {
  id: "seal-material",
  promise:
    "the shares that open Vault, the identities that open those and the operator's own login lie nowhere in clear, except where the ledger names it",
  remedy:
    "rekey Vault (a new Vault, on one machine): whoever read a share keeps it; then remove it from where it was found",

  async look(subject) {
    const evidence = new Evidence();
    const { known, unread } = await sealMaterialOf(subject);
    for (const line of unread) evidence.unobservable(`not looked for: ${line}`);
    if (known.length === 0 && unread.length === 0) {
      evidence.proved("Vault is somebody else's, and no token for it lies here: this stack has no seal material");
      return evidence.finding;
    }
    const mine = new Set(known.map(({ value }) => value.reveal()));
    const only = ({ sightings, ...rest }: Searched): Searched => ({
      ...rest,
      sightings: sightings.filter(({ secret }) => mine.has(secret.value.reveal())),
    });
    const look = (what: string, needs: string, search: (subject: Subject) => Promise<Searched>) =>
      evidence.look(what, needs, async () =>
        tellSearch(evidence, only(await search(subject)), { known, unread: [] }, what),
      );
    await look("Secrets and ConfigMaps", "leave to list both in all namespaces", searchClusterObjects);
    await look("files of the state folder, those of an embedded etcd among them", "the folder", searchStateFiles);
    await look("objects of the repository", "leave to fetch it", searchRepositories);
    await look("files in /dev/shm and temporary folders", "leave to read them", searchTemporaryFiles);
    return evidence.finding;
  },
};
