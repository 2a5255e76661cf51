import { Box } from "./Box.ts";

new Box("hooked", { size: 1 }, { hooks: { afterCreate: [() => undefined] } });
