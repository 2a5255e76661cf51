import { Box } from "./Box.ts";

/** A box that is only made once the token of another one is known. */
new Box("outer", { size: 2 }).token.apply(() => new Box("inner", { size: 1 }));
