import { Box } from "./Box.ts";

const first = new Box("first", { size: 1 });

new Box("related", { size: 1 }, { replaceWith: [first], envVarMappings: { A: "B" } });
