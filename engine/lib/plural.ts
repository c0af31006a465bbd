/** The word for so many: `plural(2, "volume")` is `volumes`. */
export function plural(count: number, one: string, many = `${one}s`): string {
  return count === 1 ? one : many;
}

/** The number with its word: `1 pod`, `3 pods`. */
export function counted(count: number, noun: string): string {
  return `${count} ${plural(count, noun)}`;
}
