import type { Context } from "../../resources/Resource.ts";
import { Git } from "../../resources/git/Git.ts";
import { StackLayout } from "../../machine/StackLayout.ts";
import { oncePerAudit } from "../oncePerAudit.ts";
import { valueSearchOf } from "../search/valueSearchOf.ts";
import { gitObjects } from "./gitObjects.ts";
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
        return { ...found, sightings: await Promise.all(found.sightings.map((one) => named(one, repository, context))) };
      }),
    );
    return {
      sightings: searched.flatMap(({ sightings }) => sightings),
      places: searched.reduce((sum, { places }) => sum + places, 0),
      unread: searched.flatMap(({ unread }) => unread),
    };
  });
});

/** How git is run to list objects. */
export function gitOf(ctx: Context): { command: readonly string[]; home: string; signal: AbortSignal } {
  return { command: ctx.tool("git"), home: new StackLayout(ctx.directory).home, signal: ctx.signal };
}

async function* objectsOf({ directory }: Repository, ctx: Context): AsyncGenerator<Place> {
  for await (const { id, type, content } of gitObjects(directory, gitOf(ctx))) yield { name: `${type} ${id}`, content };
}

/** What people call the object: the file and the commit that brought it. */
async function named(sighting: Sighting, { name, directory }: Repository, ctx: Context): Promise<Sighting> {
  const [type = "", id = ""] = sighting.place.split(" ");
  if (type === "commit") return { ...sighting, place: `the message of commit ${id} in ${name}` };
  const words = ["log", "--all", "--reflog", "-m", "-1", "--format=%H", "--name-only", `--find-object=${id}`];
  const { stdout } = await Git.of(ctx, directory).try(words);
  const [commit = "", path = ""] = stdout.split("\n").filter((line) => line !== "");
  const place = path === "" ? `${type} ${id}, which no branch leads to` : `${path} of commit ${commit}`;
  return { ...sighting, place: `${place} in ${name}` };
}
