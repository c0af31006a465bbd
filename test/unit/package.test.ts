import { accessSync, constants, readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";

const root = path.resolve(import.meta.dirname, "../..");
const { bin } = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8")) as { readonly bin: Readonly<Record<string, string>> };

// npm makes them so only where it installs the package; from a clone, `npx` of npm 9 runs them as they are.
test.each(Object.entries(bin))("the program %s may be executed, and says by what", (_name, file) => {
  expect(() => accessSync(path.join(root, file), constants.X_OK)).not.toThrow();
  expect(readFileSync(path.join(root, file), "utf8")).toMatch(/^#!\/usr\/bin\/env node\n/);
});
