import type { Context } from "../../resources/Resource.ts";
import { oncePerAudit } from "../oncePerAudit.ts";
import { valueSearchOf } from "../search/valueSearchOf.ts";
import { type GitObject, gitObjects } from "./gitObjects.ts";
import { nameObject } from "./nameObject.ts";
import type { Place } from "./Place.ts";
import { type Repository, withRepositories } from "./repositories.ts";
import { type Searched, type Sighting, searchPlaces } from "./searchPlaces.ts";

/** Everything in the repository's history: contents, names, messages; what no branch leads to any more as well. */
export const searchRepositories = oncePerAudit(async (subject): Promise<Searched> => {
  const search = await valueSearchOf(subject);
  const { context } = subject;
  return withRepositories(subject, async (repositories) => {
    const searched = await Promise.all(
      repositories.map(async (repository) => {
        const found = await searchPlaces(objectsOf(repository, context), search);
        const sightings = await Promise.all(found.sightings.map((one) => named(one, repository, context)));
        return { ...found, sightings };
      }),
    );
    return {
      sightings: searched.flatMap(({ sightings }) => sightings),
      places: searched.reduce((sum, { places }) => sum + places, 0),
      unread: searched.flatMap(({ unread }) => unread),
    };
  });
});

async function* objectsOf({ directory }: Repository, ctx: Context): AsyncGenerator<Place> {
  for await (const { id, type, content } of gitObjects(directory, ctx)) yield { name: `${type} ${id}`, content };
}

async function named(sighting: Sighting, repository: Repository, ctx: Context): Promise<Sighting> {
  const [type = "blob", id = ""] = sighting.place.split(" ");
  return { ...sighting, place: await nameObject({ id, type: type as GitObject["type"] }, repository, ctx) };
}
