# What holds in the end, and why.


localrules:
    print_config,


rule print_config:
    """Print the configuration with all defaults, and where each value comes from."""
    run:
        print(show_origins(check_configuration(config, SCHEMA), configuration_layers()))
