import type { Subject } from "./Subject.ts";

/** What several checks of an audit look at is looked at once, whoever comes first. */
export function oncePerAudit<T>(look: (subject: Subject) => Promise<T>): (subject: Subject) => Promise<T> {
  const known = new WeakMap<Subject, Promise<T>>();
  return (subject) => {
    const looked = known.get(subject) ?? look(subject);
    known.set(subject, looked);
    return looked;
  };
}
