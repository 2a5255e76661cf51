import type { Evidence } from "../Evidence.ts";
import type { LiveSecret, LiveSecrets } from "../LiveSecret.ts";
import type { Searched } from "./searchPlaces.ts";

/** More than these are counted. */
const NAMED = 3;

/** Says of a search what was found where it does not belong, what could not be looked at or for, and what was. `places`: `logs`. */
export function tellSearch(
  evidence: Evidence,
  { sightings, places: count, unread }: Searched,
  { known, unread: unknown }: LiveSecrets,
  places: string,
): void {
  for (const { secret, place, offset, belongs } of sightings) {
    if (!belongs) evidence.violated(`${secret.what} is in ${sayable(place, known)}, at byte ${offset}`);
  }
  if (unread.length > 0) evidence.unobservable(`not read: ${listed(unread.map((place) => sayable(place, known)))}`);
  for (const line of unknown) evidence.unobservable(`not looked for: ${line}`);
  if (known.length === 0) evidence.unobservable(`${places}: no live value is known to look for`);
  else evidence.proved(`${places}: ${count} read, ${known.length} live values looked for`);
}

/** A file may be called like what is in it. */
function sayable(place: string, known: readonly LiveSecret[]): string {
  return known.some(({ value }) => place.includes(value.reveal().trim()))
    ? "a place that is named after a live value"
    : place;
}

function listed(names: readonly string[]): string {
  const more = names.length - NAMED;
  return `${names.slice(0, NAMED).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}
