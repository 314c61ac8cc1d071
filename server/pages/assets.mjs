// Copies what the page of GraphiQL loads from node_modules into assets/, where the Go program embeds it.
import { copyFileSync } from 'node:fs';

const files = {
  'react.production.min.js': 'react/umd/react.production.min.js',
  'react-dom.production.min.js': 'react-dom/umd/react-dom.production.min.js',
  'graphiql.min.js': 'graphiql/graphiql.min.js',
  'graphiql.min.css': 'graphiql/graphiql.min.css',
  'react.license.txt': 'react/LICENSE',
  'react-dom.license.txt': 'react-dom/LICENSE',
  'graphiql.license.txt': 'graphiql/LICENSE',
};

const here = (path) => new URL(path, import.meta.url);

for (const [name, source] of Object.entries(files)) {
  copyFileSync(here(`node_modules/${source}`), here(`assets/${name}`));
}
