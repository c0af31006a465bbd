/** Does something, and counts what everything else in the process got to do meanwhile. */
export async function withTurns<T>(act: () => Promise<T>): Promise<{ readonly result: T; readonly turns: number }> {
  let turns = 0;
  const others = setInterval(() => turns++, 0);
  try {
    return { result: await act(), turns };
  } finally {
    clearInterval(others);
  }
}
