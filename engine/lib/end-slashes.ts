/** A path or an address without slashes at its end. An expression for them would take the square of the time over slashes that are not at the end. */
export function withoutEndSlashes(path: string): string {
  let end = path.length;
  while (path.charAt(end - 1) === "/") end--;
  return path.slice(0, end);
}
