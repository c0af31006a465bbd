import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { formatQuantity } from "../../engine/apimachinery/quantity.ts";
import { HUGE_PAGES } from "../../engine/resources/huge-pages.ts";

const FOLDER = "/sys/kernel/mm/hugepages";

/**
 * The huge pages that the kernel keeps, as resources of a Node: `hugepages-2Mi` → `64Mi`, also of sizes of which there are none. Nothing
 * where the kernel has none at all.
 */
export function readHugePages(folder = FOLDER): Readonly<Record<string, string>> {
  return Object.fromEntries(
    readHugePageSizes(folder).map((bytes) => {
      const pages = Number(readFileSync(path.join(folder, `hugepages-${bytes / 1024}kB`, "nr_hugepages"), "utf8"));
      return [`${HUGE_PAGES}${formatQuantity(bytes, "BinarySI")}`, formatQuantity(bytes * pages, "BinarySI")];
    }),
  );
}

/** The sizes of huge pages that the kernel has, in bytes, the largest first. */
export function readHugePageSizes(folder = FOLDER): readonly number[] {
  return readFolder(folder)
    .flatMap((name) => {
      const kibibytes = /^hugepages-(\d+)kB$/.exec(name)?.[1];
      return kibibytes === undefined ? [] : [Number(kibibytes) * 1024];
    })
    .sort((a, b) => b - a);
}

function readFolder(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
