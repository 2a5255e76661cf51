import type { LiveSecret } from "../LiveSecret.ts";
import type { ValueSearch } from "../search/ValueSearch.ts";
import type { Place } from "./Place.ts";

/** A live value, seen in a place. */
export interface Sighting {
  readonly secret: LiveSecret;
  readonly place: string;
  /** Byte of the place at which it is first seen. */
  readonly offset: number;
  /** It is where the ledger says that it is. */
  readonly belongs: boolean;
}

export interface Searched {
  readonly sightings: readonly Sighting[];
  /** How many places were read to their end. */
  readonly places: number;
  /** What could not be read, with the reason. */
  readonly unread: readonly string[];
}

/** Reads each place once, looking for all values; what has vanished meanwhile is nowhere. Memory does not grow with what is read. */
export async function searchPlaces(
  places: AsyncIterable<Place> | Iterable<Place>,
  search: ValueSearch,
): Promise<Searched> {
  const sightings: Sighting[] = [];
  const unread: string[] = [];
  let count = 0;
  for await (const place of places) {
    const { name, where = name } = place;
    const text = search.begin();
    try {
      for await (const piece of place.content()) text.push(piece);
      count += 1;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== "ENOENT" && code !== "ESRCH") unread.push(`${name} (${code ?? "unreadable"})`);
    }
    for (const { secret, offset } of text.matches) {
      sightings.push({ secret, place: name, offset, belongs: secret.belongs.includes(where) });
    }
  }
  return { sightings, places: count, unread };
}
