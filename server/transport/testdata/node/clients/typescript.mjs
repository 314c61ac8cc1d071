// What graphql-codegen makes of documents, and what TypeScript says of it.
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { preset } from '@graphql-codegen/client-preset';
import { codegen } from '@graphql-codegen/core';
import { Kind, parse, print } from 'graphql';
import ts from 'typescript';

// Writes what the preset makes of a schema and the text of the documents, by one entry of `generates` in a configuration,
// and returns its files by their paths within dir.
export async function generate(dir, schema, documents, [baseOutputDir, { config, presetConfig }]) {
  const sections = await preset.buildGeneratesSection({
    baseOutputDir,
    schema,
    documents: parse(documents).definitions.map((definition) => ({
      location: 'operations.graphql',
      document: { kind: Kind.DOCUMENT, definitions: [definition] },
      rawSDL: print(definition),
    })),
    plugins: [],
    pluginMap: {},
    config,
    presetConfig,
  });
  const files = {};
  for (const section of sections) {
    files[section.filename] = await codegen(section);
    await mkdir(path.dirname(path.join(dir, section.filename)), { recursive: true });
    await writeFile(path.join(dir, section.filename), files[section.filename]);
  }
  return files;
}

// Returns what TypeScript objects to in files. It writes no JavaScript, unless the options say so.
export function compile(files, options = { noEmit: true }) {
  const program = ts.createProgram(files, {
    strict: true,
    skipLibCheck: true,
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    verbatimModuleSyntax: true,
    types: [],
    ...options,
  });
  const objections = ts.getPreEmitDiagnostics(program).map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'));
  program.emit();
  return objections;
}
