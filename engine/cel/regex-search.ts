import type { RE2JS } from "@bufbuild/re2";

/** Opcodes and assertions of a compiled program; the library does not export their names. */
const OP = { alt: 1, altMatch: 2, capture: 3, emptyWidth: 4, fail: 5, match: 6, nop: 7 } as const;
const EMPTY = { beginLine: 1, endLine: 2, beginText: 4, endText: 8, wordBoundary: 16, noWordBoundary: 32 } as const;

interface Instruction {
  readonly op: number;
  readonly out: number;
  readonly arg: number;
  matchRune(rune: number): boolean;
}

/** A way through the program, and where in the text it began. Earlier threads have precedence. */
interface Thread {
  readonly pc: number;
  readonly start: number;
}

/**
 * The leftmost match at or after `from`, as Perl would choose it, in time linear in the text: the library only says whether there is one.
 * Method: Pike's, see https://swtch.com/~rsc/regexp/regexp2.html.
 */
export function findMatch(regex: RE2JS, text: string, from: number): readonly [number, number] | undefined {
  const program = regex.re2().prog;
  const instruction = (pc: number): Instruction => program.getInst(pc);
  let threads: Thread[] = [];
  let found: readonly [number, number] | undefined;
  let before = from === 0 ? -1 : (text.codePointAt(from - 1) ?? -1);
  for (let at = from; ;) {
    const rune = text.codePointAt(at) ?? -1;
    const width = rune > 0xffff ? 2 : 1;
    const context = emptyContext(before, rune);
    const seen = new Set<number>();
    const ready: Thread[] = [];
    for (const thread of threads) follow(instruction, thread, context, seen, ready);
    if (found === undefined) follow(instruction, { pc: program.start, start: at }, context, seen, ready);
    threads = [];
    for (const thread of ready) {
      const { op, out } = instruction(thread.pc);
      if (op === OP.match) {
        found = [thread.start, at];
        break; // threads behind it have lost
      }
      if (rune >= 0 && instruction(thread.pc).matchRune(rune)) threads.push({ pc: out, start: thread.start });
    }
    if (rune < 0 || (threads.length === 0 && found !== undefined)) return found;
    before = rune;
    at += width;
  }
}

/** All instructions that consume a character or match, reachable without consuming any, in order of precedence. */
function follow(instruction: (pc: number) => Instruction, thread: Thread, context: number, seen: Set<number>, ready: Thread[]): void {
  const stack = [thread.pc];
  for (let pc = stack.pop(); pc !== undefined; pc = stack.pop()) {
    if (seen.has(pc)) continue;
    seen.add(pc);
    const { op, out, arg } = instruction(pc);
    if (op === OP.alt || op === OP.altMatch) stack.push(arg, out);
    else if (op === OP.nop || op === OP.capture) stack.push(out);
    else if (op === OP.emptyWidth) {
      if ((arg & ~context) === 0) stack.push(out);
    } else if (op !== OP.fail) ready.push({ pc, start: thread.start });
  }
}

function emptyContext(before: number, after: number): number {
  let context = isWord(before) === isWord(after) ? EMPTY.noWordBoundary : EMPTY.wordBoundary;
  if (before < 0) context |= EMPTY.beginText;
  if (before < 0 || before === 10) context |= EMPTY.beginLine;
  if (after < 0) context |= EMPTY.endText;
  if (after < 0 || after === 10) context |= EMPTY.endLine;
  return context;
}

function isWord(rune: number): boolean {
  return (rune >= 97 && rune <= 122) || (rune >= 65 && rune <= 90) || (rune >= 48 && rune <= 57) || rune === 95;
}
