/** Before the size of a page, in the names of resources: `hugepages-2Mi`. */
export const HUGE_PAGES = "hugepages-";

export function isHugePages(resource: string): boolean {
  return resource.startsWith(HUGE_PAGES);
}
