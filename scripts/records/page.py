"""Several reports in one page, each as it was."""
import html
import re


def style(page):
    return re.search(r"<style>.*?</style>", page, re.S)[0]


def content(page, name):
    """What stands in the page's <main>, with ids that no other page has."""
    inside = re.search(r"<main>(.*)</main>", page, re.S)[1]

    def own(match):
        ids = " ".join(f"{name}-{one}" for one in match[2].split())
        return f'{match[1]}="{ids}"'

    if re.search(r'(?:href="#|url\(#)', inside):
        raise ValueError(f"{name}: the page has links into itself, which this does not rename")
    return re.sub(r'(?<=\s)(id|for|aria-labelledby|aria-describedby|headers)="([^"]*)"', own, inside)


def joined(pages, title):
    """One page of `pages` by name, which share one style or styles that add to each other."""
    longest = max((style(page) for page in pages.values()), key=len)
    for name, page in pages.items():
        extra = set(style(page).splitlines()) - set(longest.splitlines())
        if extra:
            raise ValueError(f"{name}: its style is another: {sorted(extra)[:3]}")
    head = next(iter(pages.values())).split("<title>")[0]
    links = " · ".join(f'<a href="#{name}">{html.escape(name)}</a>' for name in pages)
    parts = [f'{head}<title>{html.escape(title)}</title>\n{longest}\n</head>\n<body>\n<main>\n<p class="small">{links}</p>']
    parts += [f'<article id="{name}">\n<p class="small">{html.escape(name)}</p>{content(page, name)}</article>' for name, page in pages.items()]
    return "\n".join(parts) + "\n</main>\n</body>\n</html>\n"
