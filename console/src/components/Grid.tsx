import type { Cell } from "../api/types";

interface GridProps {
  label: string;
  columns: { name: string; numeric: boolean }[];
  rows: Cell[][];
}

/** Raw rows, scrolled within their own frame so that the page keeps its width. */
export function Grid({ label, columns, rows }: GridProps) {
  return (
    <div className="grid-frame" role="region" aria-label={label} tabIndex={0}>
      <table className="grid">
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column.name} scope="col" className={column.numeric ? "numeric" : undefined}>
                {column.name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, at) => (
            <tr key={at}>
              {row.map((value, column) => (
                <td key={column} className={columns[column]?.numeric ? "numeric" : undefined}>
                  {value === null ? <span className="missing">null</span> : String(value)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
