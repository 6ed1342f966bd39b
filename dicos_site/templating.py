"""templates/ → text: what the controller writes for people and other programs."""

from dicos_site.places import project_root


def rendered(template: str, **values: object) -> str:
    """Return a template of templates/ filled in; values are escaped where it makes XML or HTML."""
    # jinja2 takes 40 ms to import, and `validate` prints no template.
    from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

    environment = Environment(
        loader=FileSystemLoader(project_root() / "templates"),
        autoescape=select_autoescape(["svg.j2", "xml.j2", "html.j2"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(template).render(**values)
