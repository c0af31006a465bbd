/** What stands under a key of an object whose keys anybody may have written: `constructor` is there only where somebody has put it. */
export function ownValue<T>(object: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}
