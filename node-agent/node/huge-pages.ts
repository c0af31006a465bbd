import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { formatQuantity } from "../../engine/apimachinery/quantity.ts";

const FOLDER = "/sys/kernel/mm/hugepages";

/**
 * The huge pages that the kernel keeps, as resources of a Node: `hugepages-2Mi` → `64Mi`, also of sizes of which there are none. Nothing
 * where the kernel has none at all.
 */
export function readHugePages(folder = FOLDER): Readonly<Record<string, string>> {
  const sizes = readFolder(folder).flatMap((name) => {
    const kibibytes = /^hugepages-(\d+)kB$/.exec(name)?.[1];
    return kibibytes === undefined ? [] : [{ name, bytes: Number(kibibytes) * 1024 }];
  });
  return Object.fromEntries(
    sizes
      .sort((a, b) => b.bytes - a.bytes)
      .map(({ name, bytes }) => {
        const pages = Number(readFileSync(path.join(folder, name, "nr_hugepages"), "utf8"));
        return [`hugepages-${formatQuantity(bytes, "BinarySI")}`, formatQuantity(bytes * pages, "BinarySI")];
      }),
  );
}

function readFolder(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
