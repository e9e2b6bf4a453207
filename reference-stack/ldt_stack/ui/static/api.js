// The page's only source of data: the JSON that the page's own server reads from the broker.

async function get(path) {
  const answer = await fetch(path, { headers: { Accept: "application/json" } });
  if (!answer.ok) {
    const problem = await answer.json().catch(() => ({}));
    throw new Error(problem.detail || `${path} answered ${answer.status}`);
  }
  return answer.json();
}

export const config = () => get("config.json");
export const geometry = (name) => get(`geo/${name}`);
export const now = (theme) => get(`api/now?theme=${encodeURIComponent(theme)}`);
export const series = (theme, id) => get(`api/series?theme=${encodeURIComponent(theme)}&id=${encodeURIComponent(id)}`);
