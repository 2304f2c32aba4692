// Prints the fields of types of PortOne's npm package for browsers, with those of the objects in them.
import { writeFileSync } from "node:fs";
import { text } from "node:stream/consumers";
import ts from "typescript";

const names = JSON.parse(await text(process.stdin));
const file = new URL("fields.ts", import.meta.url).pathname;
const lines = names.map((name) => `export declare const ${name}: sdk.${name};`);
writeFileSync(file, ['import type * as sdk from "@portone/browser-sdk/v2";', ...lines].join("\n"));
const { NodeNext } = ts.ModuleKind;
const program = ts.createProgram([file], { module: NodeNext, strict: true, skipLibCheck: true });
const checker = program.getTypeChecker();

// Lists, choices, and what is handed to the PG as it is have no fields of ours.
function fieldsOf(type, name) {
  const plain = checker.getNonNullableType(type);
  const isObject = plain.flags & (ts.TypeFlags.Object | ts.TypeFlags.Intersection) && !checker.isArrayType(plain);
  if (!isObject || name === "bypass") return null;
  const found = checker.getPropertiesOfType(plain).map((each) => [each.name, checker.getTypeOfSymbol(each)]);
  return found.length ? Object.fromEntries(found.map(([own, inner]) => [own, fieldsOf(inner, own)])) : null;
}

const fields = {};
ts.forEachChild(program.getSourceFile(file), (node) => {
  if (!ts.isVariableStatement(node)) return;
  const [declared] = node.declarationList.declarations;
  fields[declared.name.text] = fieldsOf(checker.getTypeAtLocation(declared), declared.name.text);
});
process.stdout.write(JSON.stringify(fields));
