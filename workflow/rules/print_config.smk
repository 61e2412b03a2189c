# The values of all options, and where they come from.
from dst_robustness.study.origins import show_origins


localrules:
    print_config,


rule print_config:
    """Print the configuration with all defaults, and where each value comes from."""
    log:
        f"{LOGS}/print_config.yaml",
    conda:
        "../../envs/environment.yaml"
    params:
        text=lambda wildcards: show_origins(STUDY, LAYERS, sorted(WHOLE.trained | WHOLE.published)),
    shell:
        "printf '%s' {params.text:q} | tee {log:q}"
